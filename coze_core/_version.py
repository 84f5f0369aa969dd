"""The version of the distribution, read by the build and by the clients' User-Agent."""

__version__ = "0.1.0"
