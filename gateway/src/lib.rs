//! REST over the gRPC of the services.
