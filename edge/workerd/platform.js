// What Cloudflare gives a Worker and workerd alone does not: a KV namespace and a cache, in memory, and a queue
// whose batches are POSTed on, a message a line.

const ENTRIES_MAX = 1000;

function remember(map, key, value) {
  if (map.size >= ENTRIES_MAX) map.delete(map.keys().next().value);
  map.set(key, value);
}

const values = new Map();

// Workers KV, as workerd asks for it: GET, PUT and DELETE of /KEY.
export const kv = {
  async fetch(request) {
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") {
      remember(values, key, await request.arrayBuffer());
      return new Response();
    }
    if (request.method === "DELETE") {
      values.delete(key);
      return new Response();
    }
    return values.has(key) ? new Response(values.get(key)) : new Response(null, { status: 404 });
  },
};

// A producer's queue, as workerd sends it a batch: with bodies in base64.
export const queue = {
  async fetch(request, env) {
    const { messages } = await request.json();
    const body = messages.map((message) => atob(message.body)).join("\n");
    const sent = await env.EVENTS.fetch("http://events/", { method: "POST", body });
    await sent.arrayBuffer();
    return Response.json({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } });
  },
};

const answers = new Map();

// The Cache API: a PUT has a whole HTTP answer for its body, and a GET says whether it was found.
export const cache = {
  async fetch(request) {
    if (request.method === "PUT") {
      const text = await request.text();
      const end = text.indexOf("\r\n\r\n");
      const age = /\r\ncache-control:[^\r]*max-age=(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0;
      remember(answers, request.url, { body: text.slice(end + 4), until: Date.now() + age * 1000 });
      return new Response(null, { status: 204 });
    }
    const found = answers.get(request.url);
    if (found === undefined || found.until <= Date.now()) {
      return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
    }
    return new Response(found.body, { headers: { "cf-cache-status": "HIT" } });
  },
};
