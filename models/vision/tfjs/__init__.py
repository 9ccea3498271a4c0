"""Graph models of TensorFlow.js, read without TensorFlow and run as torch networks."""
