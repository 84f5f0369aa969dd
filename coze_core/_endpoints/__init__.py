"""The API's operations, each once, as flows: no credential, no retry, no HTTP library."""
