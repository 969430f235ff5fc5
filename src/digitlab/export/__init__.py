"""Networks as ONNX files, verified against Keras before they appear."""

from digitlab.export.onnx_file import export_onnx

__all__ = ["export_onnx"]
