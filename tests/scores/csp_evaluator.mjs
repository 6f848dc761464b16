// Judges policies with Google's csp_evaluator: reads a JSON list of policies, prints for each its findings and further advice.
//
//   echo '["default-src '\''none'\''"]' | node csp_evaluator.mjs

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const { CspEvaluator, DEFAULT_CHECKS, STRICTCSP_CHECKS } = require("csp_evaluator");
const { CspParser } = require("csp_evaluator/dist/parser.js");
const { Severity, Type } = require("csp_evaluator/dist/finding.js");

const policies = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(policies.map(judge), null, 2));

// What the package's own page shows, and what its further set of checks, for strict policies, would advise.
function judge(policy) {
  return { findings: found(policy, DEFAULT_CHECKS), advice: found(policy, STRICTCSP_CHECKS) };
}

function found(policy, checks) {
  return new CspEvaluator(new CspParser(policy).csp).evaluate([], checks).map((one) => ({
    type: Type[one.type],
    severity: Severity[one.severity],
    directive: one.directive,
    value: one.value ?? null,
    description: one.description,
  }));
}
