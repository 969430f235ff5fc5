"""Networks as ONNX files, verified against Keras before they appear, and as pages that read by themselves."""

from digitlab.export.onnx_file import export_onnx
from digitlab.export.page import export_page

__all__ = ["export_onnx", "export_page"]
