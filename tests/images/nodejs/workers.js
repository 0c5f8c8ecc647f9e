// SPDX-License-Identifier: Apache-2.0
// Worker threads: shared memory and Atomics, messages and transfers, a worker that throws, one that is ended while it
// computes; and the thread pool of libuv.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const { promisify } = require('util');

function work() {
    const { number, shared } = workerData;
    if (number === 'endless') {
        parentPort.postMessage('running');
        for (;;);
    }
    for (let i = 0; i < 20000; i++) {
        Atomics.add(shared, 0, 1);
    }
    // The last to come wakes the others.
    if (Atomics.add(shared, 1, 1) === 3) {
        Atomics.store(shared, 2, 1);
        Atomics.notify(shared, 2);
    }
    Atomics.wait(shared, 2, 0);
    const bytes = new Uint8Array(1000).fill(number);
    parentPort.postMessage({ number, bytes, total: shared[0], map: new Map([[number, number ** 2]]) }, [bytes.buffer]);
    if (number === 3) {
        throw new RangeError('worker 3 throws');
    }
}

function start(number, shared) {
    return new Promise(resolve => {
        const said = [];
        const worker = new Worker(__filename, { workerData: { number, shared } });
        worker.on('message', m => said.push(`${m.number} ${m.total} ${m.bytes.length} ${m.bytes[999]} ${m.map.get(number)}`));
        worker.on('error', e => said.push(`${e.name}: ${e.message}`));
        // Messages and errors come by different ports, in any order.
        worker.on('exit', status => resolve(`${said.sort().join(', ')}, exit ${status}`));
    });
}

function startEndless() {
    return new Promise(resolve => {
        const worker = new Worker(__filename, { workerData: { number: 'endless' } });
        worker.on('message', async () => resolve(await worker.terminate()));
    });
}

async function main() {
    const shared = new Int32Array(new SharedArrayBuffer(12));
    console.log((await Promise.all([0, 1, 2, 3].map(number => start(number, shared)))).join('\n'));
    console.log('ended', await startEndless());
    const keys = [0, 1, 2, 3, 4, 5].map(i => promisify(crypto.pbkdf2)(`word${i}`, 'salt', 5000, 8, 'sha512'));
    console.log((await Promise.all(keys)).map(key => key.toString('hex')).join(' '));
}

if (isMainThread) {
    main();
} else {
    work();
}
