// What the platform calls, and nothing between.
import * as module from "./index.js";

export default { fetch: (request, env, context) => module.fetch(request, env, context) };
