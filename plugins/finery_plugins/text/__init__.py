"""The text of a record whatever its shape, and kernels over Arrow buffers that the text plugins share."""
