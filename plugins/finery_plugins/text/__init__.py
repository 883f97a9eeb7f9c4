"""Text kernels over Arrow buffers that the text plugins share."""
