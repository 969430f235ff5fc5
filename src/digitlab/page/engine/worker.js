// The engine in a thread of its own, so that the pen is not held up while it reads.
// It is told the networks first, and then asked; every answer bears the number of its question.

import { greyOf } from "./grey.js";
import { probabilitiesOf } from "./networks.js";
import { readNumber } from "./number.js";
import { networksOf } from "./weights.js";

let networks = null;

const ANSWERS = {
  networks: ({ told, weights }) => { networks = networksOf(told, weights); },
  read: ({ pixels, ownWidth }) => readNumber(greyOf(pixels), networks, ownWidth),
  // What the network says of pictures of 28x28 bytes as they are.
  probabilities: ({ framed }) => framed.map((one) => [...probabilitiesOf(networks.classifier, one)]),
};

onmessage = ({ data: { number, question, ...given } }) => {
  try {
    postMessage({ number, answer: ANSWERS[question](given) });
  } catch (error) {
    postMessage({ number, failure: String(error) });
  }
};
