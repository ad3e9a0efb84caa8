// What the platform calls. A module that trapped is begun anew, and everything in it with it; what must
// last is in the storage of Durable Objects.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import * as module from "./index.js";

const life = module.__worker_init_state();
// How each call under way is given up: what trapped inside a promise would leave it unanswered.
const calls = new Set();

// Whatever arrives here has left the module in the middle of something.
addEventListener("error", (event) => lost(event.error));

function lost(error) {
  console.error("the module failed:", error);
  life.criticalError = true;
  for (const giveUp of calls) giveUp(error);
}

async function guarded(call) {
  if (life.criticalError) {
    console.error("the module is begun anew");
    module.__wbg_reset_state();
    life.criticalError = false;
  }
  let giveUp;
  const given = new Promise((_, reject) => calls.add((giveUp = reject)));
  try {
    return await Promise.race([call(), given]);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) lost(error);
    throw error;
  } finally {
    calls.delete(giveUp);
  }
}

function objectOf(name) {
  return class extends DurableObject {
    #instance;
    #life;

    #alive() {
      if (this.#life !== life.instanceId) {
        this.#instance = new module[name](this.ctx, this.env);
        this.#life = life.instanceId;
      }
      return this.#instance;
    }

    fetch(request) {
      return guarded(() => this.#alive().fetch(request));
    }

    alarm() {
      return guarded(() => this.#alive().alarm());
    }
  };
}

// OBJECTS

export default class extends WorkerEntrypoint {
  async fetch(request) {
    try {
      return await guarded(() => module.fetch(request, this.env, this.ctx));
    } catch (error) {
      console.error("a request was not judged:", error);
      const problem = {
        type: "urn:lunette:problem:gate-unavailable",
        title: "Service Unavailable",
        status: 503,
        detail: "the gate cannot judge now",
        code: "gate-unavailable",
      };
      const headers = { "content-type": "application/problem+json", "cache-control": "no-store", "retry-after": "1" };
      return new Response(JSON.stringify(problem), { status: 503, headers });
    }
  }
}
