// Sends what a program wants to tell remove.bg to REMOVE_BG_PORT on this machine, as a line in `hosts` would, if that
// knew ports:
//
//   node --require ./redirect.cjs PROGRAM
"use strict";
const tls = require("node:tls");

const { connect } = tls;
tls.connect = (options, ...rest) => {
  const isFor = options.host === "api.remove.bg" && !options.socket;
  const here = { host: "127.0.0.1", port: Number(process.env.REMOVE_BG_PORT), servername: options.host };
  return connect(isFor ? { ...options, ...here } : options, ...rest);
};
