"""The reference pipelines: each is one function, run with `levada run NAME`."""
