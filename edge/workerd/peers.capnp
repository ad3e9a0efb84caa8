# What `make bench` measures the Worker against, on the same workerd: a Worker in Rust that answers 401 to everything
# (edge/examples/hello.rs, which `scripts/worker hello` builds), and one in JavaScript that passes everything on.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "hello", worker = .hello),
    (name = "pass", worker = .pass),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [
    (name = "hello", address = "127.0.0.1:0", http = (), service = "hello"),
    (name = "pass", address = "127.0.0.1:0", http = (), service = "pass"),
  ],
);

const hello :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "../dist-hello/index.js"),
    (name = "./index_bg.wasm", wasm = embed "../dist-hello/index_bg.wasm"),
  ],
  compatibilityDate = "2026-11-17",
);

const pass :Workerd.Worker = (
  serviceWorkerScript = "addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));",
  compatibilityDate = "2026-11-17",
);
