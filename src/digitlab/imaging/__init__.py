"""From a picture to 28x28 digits, framed as MNIST's own were."""
