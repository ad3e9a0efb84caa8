// What the platform calls. A module that trapped is begun anew, and everything in it with it; what must
// last is in the storage of Durable Objects.
import { DurableObject } from "cloudflare:workers";
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

// Calls the module; what it answers may be a promise.
function called(call) {
  if (life.criticalError) {
    console.error("the module is begun anew");
    module.__wbg_reset_state();
    life.criticalError = false;
  }
  try {
    return call();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) lost(error);
    throw error;
  }
}

async function guarded(promise) {
  let giveUp;
  const given = new Promise((_, reject) => calls.add((giveUp = reject)));
  try {
    return await Promise.race([promise, given]);
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

    async fetch(request) {
      return guarded(called(() => this.#alive().fetch(request)));
    }

    async alarm() {
      return guarded(called(() => this.#alive().alarm()));
    }
  };
}

// OBJECTS

function unjudged(error) {
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

export default {
  fetch(request, env, context) {
    try {
      const answer = called(() => module.fetch(request, env, context));
      // Nothing that was answered at once need be guarded, nor costs a promise.
      return answer instanceof Response ? answer : guarded(answer).catch(unjudged);
    } catch (error) {
      return unjudged(error);
    }
  },
};
