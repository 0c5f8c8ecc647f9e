// SPDX-License-Identifier: Apache-2.0
// Some 2 GB of garbage in a machine of 192 MiB, with 30 MB alive at any time: objects, strings, a map from which the
// oldest go, buffers outside the heap, weak references.
'use strict';
let live = [];
let sum = 0;
for (let i = 0; i < 5e6; i++) {
    live.push({ i, text: `n${i}`, list: [i, i * 2] });
    if (live.length >= 100000) {
        sum += live[50000].list[1];
        live = live.slice(50000);
    }
}
console.log(live.length, live[7].text, sum);

const map = new Map();
for (let i = 0; i < 1e6; i++) {
    map.set(`k${i}`, { i });
    map.delete(`k${i - 20000}`);
}
console.log(map.size, map.get('k999999').i, map.has('k0'));

const ring = new Array(16);
let bytes = 0;
for (let i = 0; i < 1500; i++) {
    ring[i % 16] = Buffer.alloc(1 << 20, i);
    bytes += ring[i % 16].length;
}
console.log(bytes, ring.map(buffer => buffer[12345]).join(' '));

let gone = 0;
const registry = new FinalizationRegistry(() => { gone += 1; });
const weak = Array.from({ length: 1000 }, (_, i) => {
    const object = { i, pad: new Array(100).fill(i) };
    registry.register(object, i);
    return new WeakRef(object);
});
setTimeout(() => {
    let junk = [];
    for (let i = 0; i < 3e6; i++) {
        junk.push({ i });
        junk = junk.length > 1e5 ? [] : junk;
    }
    setTimeout(() => console.log(weak.some(ref => ref.deref() === undefined), gone > 0), 50);
}, 1);
