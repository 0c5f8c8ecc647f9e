// SPDX-License-Identifier: Apache-2.0
// Asks for more heap than --max-old-space-size allows: the engine gives up by itself, with a message and a signal.
'use strict';
const all = [];
for (;;) {
    all.push(new Array(1000).fill(all.length + 0.5));
}
