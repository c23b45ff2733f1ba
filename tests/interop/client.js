// SPDX-License-Identifier: MIT
// A client of valved and of calc_server on Debian's node-cbor: what tests/test_interop.py runs.
//
//     node client.js FILES_SOCKET CALC_SOCKET
"use strict";
const cbor = require("cbor");
const net = require("net");

// A connection: replies find their requests by id.
function connect(path) {
    const waiting = new Map();
    const socket = net.connect(path);
    const decoder = new cbor.Decoder();
    let last = 0;

    decoder.on("data", ([id, reply]) => {
        waiting.get(id)(reply);
        waiting.delete(id);
    });
    socket.pipe(decoder);
    return {
        ask(request) {
            socket.write(cbor.encodeOne([++last, request]));
            return new Promise((resolve) => waiting.set(last, resolve));
        },
        end() {
            socket.end();
        },
    };
}

async function useFiles(path) {
    const files = connect(path);
    const list = (await files.ask("ListAll")).List;

    for (const file of list.sort((a, b) => (a.path < b.path ? -1 : 1)))
        console.log("file", file.path, Number(file.size), String(file.mtime));
    // In flight together; the answers come in any order.
    const [size, content, there] = await Promise.all([
        files.ask({ Size: list[0].path }),
        files.ask({ Get: list[1].path }),
        files.ask({ Exists: list[0].path }),
    ]);
    console.log("size", size.Size);
    console.log("content", content.Content.length, content.Content.reduce((a, b) => a + b, 0));
    console.log("exists", there.Exists);
    console.log("del", await files.ask({ Del: list[0].path }));
    console.log("exists", (await files.ask({ Exists: list[0].path })).Exists);
    console.log("error", (await files.ask({ Get: list[0].path })).Error.split(":")[0]);
    files.end();
}

async function useCalc(path) {
    const calc = connect(path);
    const x = { Var: "x" };
    const product = { Mul: [{ Add: [x, { Num: 1 }] }, x] };

    // let x = -7 in (x + 1) * x
    console.log("value", (await calc.ask({ Eval: { Let: ["x", { Num: -7 }, product] } })).Value);
    console.log("error", (await calc.ask({ Eval: x })).Error.split(":")[0]);
    calc.end();
}

useFiles(process.argv[2]).then(() => useCalc(process.argv[3]));
