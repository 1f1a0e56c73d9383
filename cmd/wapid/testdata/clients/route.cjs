// Preloaded where a library knows no other host than graph.facebook.com: a connection
// to that goes to the test's front, whose certificate is for another name. Nothing of
// what is said over it is touched.
const tls = require("node:tls");
const connect = tls.connect;
const [host, port] = process.env.FRONT.split(":");

tls.connect = (...args) => {
  const options = args.find((a) => a !== null && typeof a === "object");
  if (options && (options.servername === "graph.facebook.com" || options.host === "graph.facebook.com" || options.hostname === "graph.facebook.com")) {
    Object.assign(options, { host, port: Number(port), servername: "example.com" });
    delete options.hostname;
  }
  return connect(...args);
};
