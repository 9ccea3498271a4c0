"""4-bit weights, run by ONNX Runtime."""
