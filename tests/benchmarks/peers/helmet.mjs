// What helmet does, asked as probes.py asks the Python packages: `npm install && node helmet.mjs` in this folder.
// Each line is one row of docs/explanation/peers.md. TLS is not served here: helmet does not look at the scheme.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";

import express from "express";
import helmet from "helmet";

const SECURITY = [
  "content-security-policy", "cross-origin-embedder-policy", "cross-origin-opener-policy", "permissions-policy",
  "cross-origin-resource-policy", "origin-agent-cluster", "referrer-policy", "strict-transport-security",
  "x-content-type-options", "x-frame-options",
];
const OWN = { "referrer-policy": "origin", "x-frame-options": "SAMEORIGIN", etag: '"1"' };
const TOGETHER = 20;

const app = express();
app.use((_request, response, next) => {
  response.locals.nonce = randomBytes(16).toString("base64"); // The user's own code, as helmet's FAQ has it.
  next();
});
const nonce = (_request, response) => `'nonce-${response.locals.nonce}'`;
app.use(helmet({ contentSecurityPolicy: { directives: { scriptSrc: ["'self'", nonce] } } }));
app.get("/json", (_request, response) => response.json({}));
app.post("/json", (_request, response) => response.json({}));
app.get("/page", (_request, response) => response.send(`<script nonce="${response.locals.nonce}"></script>`));
app.get("/own", (_request, response) => response.set(OWN).cookie("session", "1").send("x"));
app.get("/boom", () => {
  throw new Error("boom");
});
app.get("/differs", helmet.referrerPolicy({ policy: "same-origin" }), (_request, response) => response.json({}));

const server = http.createServer(app).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));
console.error = () => {}; // Express prints the error that is provoked.

const ask = (path, { method = "GET", headers = {} } = {}) =>
  new Promise((done, failed) => {
    const options = { port: server.address().port, host: "127.0.0.1", path, method, headers };
    http.request(options, (answer) => {
      let body = "";
      answer.on("data", (chunk) => (body += chunk));
      answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, raw: answer.rawHeaders, body }));
    }).on("error", failed).end();
  });
const had = (answer) => SECURITY.filter((name) => name in answer.headers);
const policyOf = (directives) => {
  const made = {};
  helmet.contentSecurityPolicy({ useDefaults: false, directives })({}, { setHeader: (_, value) => (made.value = value) }, () => {});
  return made.value;
};
const tried = (work, otherwise) => {
  try {
    return work();
  } catch (error) {
    return otherwise(error);
  }
};

const rows = {
  "All its headers on an unhandled 500": async () => {
    const [usual, failed] = [await ask("/json"), await ask("/boom")];
    const same = had(usual).filter((name) => usual.headers[name].replace(/'nonce-[^']+'/, "") === failed.headers[name]?.replace(/'nonce-[^']+'/, ""));
    return `${had(failed).length} of ${had(usual).length} there, ${same.length} unchanged (${failed.status})`;
  },
  "The app's own headers kept, each once": async () => {
    const { headers, raw } = await ask("/own");
    const names = raw.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    const wrong = Object.entries(OWN).filter(([name, value]) => headers[name] !== value).map(([name]) => name);
    const twice = names.filter((name, index) => names.indexOf(name) !== index);
    return wrong.length + twice.length ? `no: ${wrong} ${twice}` : "yes";
  },
  "A call over plaintext, with a token": async () =>
    `served (${(await ask("/json", { method: "POST", headers: { authorization: "Bearer secret" } })).status})`,
  "HSTS over TLS alone": async () => ("strict-transport-security" in (await ask("/json")).headers ? "no: sent in clear" : "yes"),
  "A nonce of its own for each of 20 requests at once": async () => {
    const answers = await Promise.all(Array.from({ length: TOGETHER }, () => ask("/page")));
    const nonces = answers.map(({ body }) => body.match(/nonce="([^"]+)"/)[1]);
    const right = answers.every(({ headers }, index) => headers["content-security-policy"].includes(`'nonce-${nonces[index]}'`));
    return right && new Set(nonces).size === TOGETHER ? "yes, by the user's code" : "no";
  },
  "A page with a nonce is kept from caches": async () => ((await ask("/page")).headers["cache-control"]?.includes("no-store") ? "yes" : "no"),
  "A misspelt CSP directive stops the start": () =>
    tried(() => `no: ${policyOf({ "default-src": ["'self'"], "scirpt-src": ["'self'"] })}`, ({ message }) => `yes: ${message}`),
  "`; script-src *` inside a CSP source": () =>
    tried(() => `no: ${policyOf({ "default-src": ["'self'", "https://a.example; script-src *"] })}`, () => "refused"),
  "The headers of one route may differ": async () => {
    const [usual, other] = [await ask("/json"), await ask("/differs")];
    return `yes: ${usual.headers["referrer-policy"]} and ${other.headers["referrer-policy"]}`;
  },
  "Enforced and report-only CSP together": async () => {
    const both = [helmet.contentSecurityPolicy(), helmet.contentSecurityPolicy({ reportOnly: true })];
    const made = {};
    for (const one of both) one({}, { setHeader: (name, value) => (made[name.toLowerCase()] = value) }, () => {});
    return Object.keys(made).length === 2 ? "yes, as two middlewares" : "no";
  },
  "Clear-Site-Data on a route": () => (Object.keys(helmet).some((name) => /clear/i.test(name)) ? "yes" : "no"),
  "A cookie without attributes gets them": async () => (/secure/i.test((await ask("/own")).headers["set-cookie"][0]) ? "yes" : "no"),
  "A POST from another site's page": async () =>
    `served (${(await ask("/json", { method: "POST", headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" } })).status})`,
};

const versionOf = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
console.log(`helmet ${versionOf("helmet")}, express ${versionOf("express")}, node ${process.version}\n`);
for (const [question, answer] of Object.entries(rows)) console.log(`| ${question} | ${await answer()} |`);
server.close();
