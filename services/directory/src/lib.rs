//! A stand-in identity service that serves identity.v1 from a file.
