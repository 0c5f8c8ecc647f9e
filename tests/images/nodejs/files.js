// SPDX-License-Identifier: Apache-2.0
// fs: callbacks, promises (the thread pool) and synchronous calls; streams through zlib; errors by their names.
'use strict';
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const crypto = require('crypto');
const { pipeline } = require('stream/promises');

const top = fs.mkdtempSync('/tmp/files-');
const at = (...names) => path.join(top, ...names);

function fails(call) {
    try {
        call();
        return 'did not fail';
    } catch (e) {
        return `${e.code} ${e.syscall}`;
    }
}

async function tree() {
    await fs.promises.mkdir(at('x/y/z'), { recursive: true });
    await Promise.all(Array.from({ length: 200 }, (_, i) => fs.promises.writeFile(at('x/y/z', `f${i}`), 'x'.repeat(i * 50))));
    const names = await fs.promises.readdir(at('x/y/z'));
    const sizes = await Promise.all(names.map(async name => (await fs.promises.stat(at('x/y/z', name))).size));
    console.log(names.length, sizes.reduce((a, b) => a + b));
    fs.cpSync(at('x'), at('copy'), { recursive: true });
    const kinds = [];
    for await (const entry of await fs.promises.opendir(top)) {
        kinds.push(`${entry.name} ${entry.isDirectory()}`);
    }
    console.log(kinds.sort().join(', '));
    fs.rmSync(at('x'), { recursive: true });
    console.log(fs.existsSync(at('x')), fs.readFileSync(at('copy/y/z/f3'), 'latin1').length);
}

async function streams() {
    const big = Buffer.alloc(3000001);
    for (let i = 0; i < big.length; i++) {
        big[i] = (i * i) >> 7;
    }
    fs.writeFileSync(at('big'), big);
    await pipeline(fs.createReadStream(at('big')), zlib.createGzip(), fs.createWriteStream(at('big.gz')));
    await pipeline(fs.createReadStream(at('big.gz')), zlib.createGunzip(), fs.createWriteStream(at('again')));
    const hash = crypto.createHash('sha1').update(fs.readFileSync(at('again'))).digest('hex');
    console.log(hash, fs.readFileSync(at('again')).equals(big), fs.statSync(at('big.gz')).size < big.length);
    const brotli = zlib.brotliCompressSync(big.subarray(0, 100000));
    console.log(zlib.brotliDecompressSync(brotli).equals(big.subarray(0, 100000)));
}

async function one() {
    fs.writeFileSync(at('a'), 'hello\n');
    fs.appendFileSync(at('a'), 'world\n');
    fs.symlinkSync('a', at('link'));
    fs.linkSync(at('a'), at('hard'));
    console.log(fs.readlinkSync(at('link')), fs.lstatSync(at('link')).isSymbolicLink(), fs.statSync(at('a')).nlink);
    console.log(path.relative(top, fs.realpathSync(at('link'))));
    const file = await fs.promises.open(at('a'), 'r+');
    await file.write('J', 0);
    await file.truncate(8);
    await file.sync();
    console.log((await file.read(Buffer.alloc(100), 0, 100, 0)).bytesRead, await fs.promises.readFile(at('hard'), 'utf8'));
    await file.close();
    fs.utimesSync(at('a'), 1000, 2000.5);
    fs.chmodSync(at('a'), 0o640);
    const stat = fs.statSync(at('a'), { bigint: true });
    console.log(stat.mtimeNs, (Number(stat.mode) & 0o777).toString(8), stat.size);
    fs.renameSync(at('a'), at('b'));
    console.log(fails(() => fs.readFileSync(at('a'))), fails(() => fs.mkdirSync(at('b'))), fails(() => fs.rmdirSync(top)));
    console.log(fails(() => fs.readdirSync(at('b'))), fails(() => fs.openSync(at('b', 'c'))), fails(() => fs.readSync(99, Buffer.alloc(1))));
}

(async () => {
    await one();
    await streams();
    await tree();
    fs.readFile(at('none'), e => {
        console.log(e.code);
        fs.rmSync(top, { recursive: true });
    });
})();
