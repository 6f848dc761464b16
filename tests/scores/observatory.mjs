// Scans a site with the code of the MDN HTTP Observatory, and marks the responses of single paths with its tests.
//
//   NODE_EXTRA_CA_CERTS=ca.pem node observatory.mjs --host payments.example --https 8443 --http 8080 [METHOD:/path ...]
//
// Without --http nothing listens for plaintext. Both ports are on this machine, the name is kept (connect_to.mjs).
// The scan is the package's own scan(), on / as always. It stops at an error status, so a response of another path is
// given to the same tests and the same table of marks; that this comes to the same is checked on / in each run.
// Prints one JSON object: { package, algorithm, "/": {score, grade, tests}, ... }.

import { createRequire } from "node:module";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

import { keepOnLoopback } from "./connect_to.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { host: { type: "string" }, https: { type: "string" }, http: { type: "string" } },
});
const NOBODY_LISTENS = 1;
keepOnLoopback(values.host, new Map([[443, Number(values.https)], [80, Number(values.http ?? NOBODY_LISTENS)]]));

const root = dirname(dirname(createRequire(import.meta.url).resolve("@mdn/mdn-http-observatory")));
// Its install script fetches the browsers' list of preloaded sites. A list with nobody on it gives nobody a bonus.
const preloaded = join(root, "conf", "hsts-preload.json");
if (!existsSync(preloaded)) writeFileSync(preloaded, "{}");

const part = (file) => import(join(root, "src", file));
const { scan } = await part("index.js");
const { retrieve } = await part("retriever/retriever.js");
const { Session } = await part("retriever/session.js");
const { parseHttpEquivHeaders } = await part("retriever/utils.js");
const { ALL_TESTS, ALGORITHM_VERSION } = await part("constants.js");
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await part("grader/charts.js");
const { getGradeForScore, getScoreModifier } = await part("grader/grader.js");
const { HTML_TYPES } = await part("types.js");

const scanned = await scan(values.host);
const site = await retrieve(values.host);
const report = {
  package: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version,
  algorithm: ALGORITHM_VERSION,
  "/": { status: scanned.scan.statusCode, ...marks(Object.values(scanned.tests)) },
};
const again = marks(ALL_TESTS.map((test) => test(site)));
if (again.score !== scanned.scan.score || again.grade !== scanned.scan.grade || report["/"].score !== again.score) {
  throw new Error(`scan() says ${scanned.scan.score} for /, and its parts say ${again.score}.`);
}
for (const target of positionals) report[target] = await markOne(...target.split(":"));
console.log(JSON.stringify(report, null, 2));

async function markOne(method, path) {
  const url = new URL(path, `https://${values.host}`);
  const session = new Session(url); // With a jar of its own: the cookie of one path is no merit of the next.
  const response = await session.clientInstance.request({
    url: url.href,
    method,
    httpsAgent: session.clientInstanceRecordingRedirects.defaults.httpsAgent,
    maxRedirects: 0,
    validateStatus: () => true,
    responseType: "text",
  });
  const html = HTML_TYPES.has(response.headers["content-type"]?.split(";")[0]);
  const httpEquiv = html ? parseHttpEquivHeaders(response.data, url.href) : new Map();
  const seen = { ...response, verified: true, httpEquiv };
  const responses = { ...site.responses, auto: seen, https: seen };
  const single = { hostname: site.hostname, session, responses, resources: { path: response.data } };
  return { status: response.status, ...marks(ALL_TESTS.map((test) => test(single))) };
}

// As scan() adds up: extra credit counts only where the penalties leave an A.
function marks(results) {
  const tests = Object.fromEntries(results.map((one) => [one.constructor.name, test(one)]));
  const given = Object.values(tests).map((one) => one.mark);
  const sum = (numbers) => numbers.reduce((total, mark) => total + mark, 100);
  const lost = sum(given.filter((mark) => mark < 0));
  return { ...getGradeForScore(lost >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? sum(given) : lost), tests };
}

function test(one) {
  return { result: one.result, mark: getScoreModifier(one.result), pass: one.pass };
}
