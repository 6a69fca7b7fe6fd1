"""The microservice: paramcount over HTTP; the only package that knows Flask."""
