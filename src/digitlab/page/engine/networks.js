// Networks as digitlab.export.page writes them: a list of members, each a list of steps.

import { sum } from "./picture.js";

// A network is a list of members, each a list of steps, whose probabilities are averaged.
export function probabilitiesOf(network, framed) {
  const answers = network.map((steps) => steps.reduce((values, step) => STEPS_OF[step.operator](values, step), framed));
  return Float32Array.from(answers[0], (_, i) => sum(answers.map((answer) => answer[i])) / answers.length);
}

function dense(values, { weights, bias }) {
  const sums = Float64Array.from(bias), count = sums.length;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === 0) continue; // most pixels, and half of what passes a ReLU
    for (let j = 0, at = i * count; j < count; j++, at++) sums[j] += value * weights[at];
  }
  return Float32Array.from(sums);
}

function softmax(values) {
  const most = Math.max(...values), powers = Float64Array.from(values, (value) => Math.exp(value - most));
  const whole = sum(powers);
  return Float32Array.from(powers, (power) => power / whole);
}

// Abramowitz and Stegun 7.1.26, to 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const each = (change) => (values) => Float32Array.from(values, change);
const STEPS_OF = {
  Dense: dense,
  Scale: (values, { factor, offset }) => Float32Array.from(values, (value, i) => value * factor[i] + offset[i]),
  Softmax: softmax,
  Relu: each((value) => Math.max(0, value)),
  Tanh: each(Math.tanh),
  Sigmoid: each((value) => 1 / (1 + Math.exp(-value))),
  Gelu: each((value) => value / 2 * (1 + erf(value * Math.SQRT1_2))),
};
