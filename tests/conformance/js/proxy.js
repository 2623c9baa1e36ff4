'use strict';
// A network between client and engine that can fail.

const net = require('node:net');

/** A TCP relay to an http URL. `cut` resets what is open; `heard` is what the server said last on the newest connection. */
async function openProxy(url) {
  const target = new URL(url);
  const open = new Set();
  const proxy = { connections: 0, heard: Buffer.alloc(0) };
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port), target.hostname);
    proxy.connections += 1;
    proxy.heard = Buffer.alloc(0);
    for (const [socket, other] of [[near, far], [far, near]]) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => { open.delete(socket); other.destroy(); });
      socket.pipe(other);
    }
    far.on('data', (data) => { proxy.heard = Buffer.concat([proxy.heard, data]).subarray(-65536); });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.open = () => open.size;
  proxy.cut = () => { for (const socket of open) socket.resetAndDestroy(); };
  proxy.close = () => { server.close(); proxy.cut(); };
  return proxy;
}

module.exports = { openProxy };
