"""A run as one HTML file that people look at: a section a file, put together by `page`."""
