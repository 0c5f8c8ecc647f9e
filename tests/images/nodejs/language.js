// SPDX-License-Identifier: Apache-2.0
// The engine by itself: JSON, compiled code, WebAssembly, a deep recursion, ICU, OpenSSL, standard input, a signal, an
// uncaught exception, an exit status.
'use strict';
const crypto = require('crypto');
const util = require('util');
const vm = require('vm');

const record = { name: 'Zoë', list: [1, 2.5, null, true], nested: { big: 2 ** 53, text: '\u2028"' } };
const text = JSON.stringify(record);
console.log(text, util.isDeepStrictEqual(JSON.parse(text), record));
const table = Array.from({ length: 20000 }, (_, i) => ({ id: i, key: `k${i % 97}`, value: (i * 7919) % 1009 }));
const sums = {};
for (const row of JSON.parse(JSON.stringify(table))) {
    sums[row.key] = (sums[row.key] || 0) + row.value;
}
console.log(Object.keys(sums).length, sums.k0, sums.k96);

const fibonacci = n => n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
console.log(fibonacci(27), 3n ** 100n, vm.runInNewContext('a + 1', { a: 41 }));
try {
    (function deeper() { deeper(); })();
} catch (e) {
    console.log(e.name, e.message);
}
const add = [0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0,
    10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11];
console.log(new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(add))).exports.add(40, 2));

console.log(new Intl.NumberFormat('de-DE').format(1234567.891), 'ﬁ'.normalize('NFKC'), /\p{L}+/u.exec('日本 x')[0]);
console.log(new Date(0).toLocaleString('en-GB', { timeZone: 'Asia/Tokyo' }), new Date(0).getTimezoneOffset());
console.log(['z', 'ä', 'a'].sort(new Intl.Collator('sv').compare).join(''), new TextDecoder('latin1').decode(Buffer.from([233])));

console.log(crypto.createHash('sha256').update(text).digest('hex'), crypto.randomBytes(16).length);
const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
console.log(crypto.verify('sha256', Buffer.from('m'), publicKey, crypto.sign('sha256', Buffer.from('m'), privateKey)));

process.on('exit', status => console.log('exit', status));
process.on('uncaughtException', e => {
    console.log('uncaught', e.message);
    process.exitCode = 7;
});
process.on('SIGUSR2', name => {
    console.log(name);
    throw new Error('thrown in a handler');
});
let input = '';
process.stdin.setEncoding('utf8').on('data', chunk => { input += chunk; }).on('end', () => {
    console.log('input', JSON.stringify(input));
    process.kill(process.pid, 'SIGUSR2');
    setTimeout(() => {}, 300); // keeps the loop alive until the signal comes
});
