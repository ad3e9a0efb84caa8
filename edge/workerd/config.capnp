# The Worker on workerd alone, without Cloudflare: for tests, and to try it on one machine.
#
#   workerd serve edge/workerd/config.capnp --socket-addr http=127.0.0.1:8787 \
#       --directory-path objects=FOLDER --external-addr events=127.0.0.1:PORT
#
# Variables and secrets come from the environment, under their own names. Durable Objects lie in FOLDER, which
# must exist. Events are POSTed to the last address, one a line.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gate", worker = .gate),
    (name = "platform", worker = .platform),
    (name = "events", external = (address = "127.0.0.1:9", http = ())),
    (name = "objects", disk = (path = "/nonexistent", writable = true)),
    # The node is usually on the same machine here.
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "gate")],
);

const gate :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "../dist/index.js"),
    (name = "./index_bg.wasm", wasm = embed "../dist/index_bg.wasm"),
  ],
  compatibilityDate = "2026-11-17",
  bindings = [
    (name = "LUNETTE_GATE", fromEnvironment = "LUNETTE_GATE"),
    (name = "LUNETTE_AUDIENCE", fromEnvironment = "LUNETTE_AUDIENCE"),
    (name = "LUNETTE_ENVIRONMENT", fromEnvironment = "LUNETTE_ENVIRONMENT"),
    (name = "LUNETTE_UPSTREAM", fromEnvironment = "LUNETTE_UPSTREAM"),
    (name = "LUNETTE_SNAPSHOT_URL", fromEnvironment = "LUNETTE_SNAPSHOT_URL"),
    (name = "LUNETTE_SNAPSHOT_KEY", fromEnvironment = "LUNETTE_SNAPSHOT_KEY"),
    (name = "LUNETTE_GATE_TOKEN", fromEnvironment = "LUNETTE_GATE_TOKEN"),
    (name = "LUNETTE_PERMIT_KEY", fromEnvironment = "LUNETTE_PERMIT_KEY"),
    (name = "LUNETTE_PERMIT_KEY_VERSION", fromEnvironment = "LUNETTE_PERMIT_KEY_VERSION"),
    (name = "LUNETTE_PEPPER", fromEnvironment = "LUNETTE_PEPPER"),
    (name = "LUNETTE_REALM_KEYS", fromEnvironment = "LUNETTE_REALM_KEYS"),
    (name = "LUNETTE_TOKEN_SECRETS", fromEnvironment = "LUNETTE_TOKEN_SECRETS"),
    (name = "PRINCIPALS", durableObjectNamespace = "PrincipalObject"),
    (name = "SNAPSHOTS", durableObjectNamespace = "SnapshotObject"),
    (name = "SNAPSHOT", kvNamespace = (name = "platform", entrypoint = "kv")),
    (name = "EVENTS", queue = (name = "platform", entrypoint = "queue")),
  ],
  durableObjectNamespaces = [
    (className = "PrincipalObject", uniqueKey = "lunette-principals", enableSql = true),
    (className = "SnapshotObject", uniqueKey = "lunette-snapshots", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  cacheApiOutbound = (name = "platform", entrypoint = "cache"),
);

const platform :Workerd.Worker = (
  modules = [(name = "platform.js", esModule = embed "platform.js")],
  bindings = [(name = "EVENTS", service = "events")],
  compatibilityDate = "2026-11-17",
);
