// SPDX-License-Identifier: Apache-2.0
// Timers come in order and not early, whatever else waits; a promise can be given up.
'use strict';
const later = require('timers/promises');

const began = process.hrtime.bigint();
const log = [];
const early = [];

function at(ms, name) {
    setTimeout(() => {
        log.push(name);
        if (Number(process.hrtime.bigint() - began) / 1e6 < ms - 1) {
            early.push(name);
        }
    }, ms);
}

async function giveUp() {
    const give = new AbortController();
    setTimeout(() => give.abort(), 40);
    try {
        await later.setTimeout(60000, null, { signal: give.signal });
    } catch (e) {
        log.push(e.name);
    }
}

at(700, '700');
at(400, '400');
at(200, '200');
process.nextTick(() => log.push('tick'));
Promise.resolve().then(() => log.push('promise'));
setImmediate(() => log.push('immediate'));
giveUp();
let count = 0;
const interval = setInterval(() => {
    count += 1;
    if (count === 5) {
        clearInterval(interval);
    }
}, 10);
clearTimeout(setTimeout(() => log.push('never'), 5));
setTimeout(() => {
    // The loop is busy over the time of the first two: they come late, in order.
    for (const end = Date.now() + 300; Date.now() < end;);
    log.push('busy');
}, 150);
later.setTimeout(900, 'end').then(name => console.log(...log, name, count, ...early));
