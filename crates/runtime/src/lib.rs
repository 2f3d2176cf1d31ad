//! What a program needs to run: configuration, clock, peers, server, workers, shutdown.
