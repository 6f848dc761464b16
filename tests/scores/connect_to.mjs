// Sends connections for one host name to loopback, as `curl --connect-to` does, so that a site which is not public can
// be scanned under its real name. Names in URLs, in TLS and in Host stay what they are.

import net from "node:net";

/**
 * @param {string} host the name whose connections stay on this machine
 * @param {Map<number, number>} ports from the port that is asked for to the port that is listened on
 */
export function keepOnLoopback(host, ports) {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...given) {
    const options = Array.isArray(given[0]) ? given[0][0] : given[0];
    if (options?.host === host) {
      const port = Number(options.port);
      Object.assign(options, { host: "127.0.0.1", port: ports.get(port) ?? port });
    } else if (options?.host !== "127.0.0.1") {
      throw new Error(`Only ${host} is scanned, and something asked for ${options?.host}.`);
    }
    return connect.apply(this, given);
  };
}
