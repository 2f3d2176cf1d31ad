//! The `callout` binary: every service, alone or together, and the tools around them.

mod apply;
mod cli;
mod config;
mod demo;
mod run;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // reqwest and tonic share one TLS stack, which must be chosen before its first use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(cli::dispatch(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    #[expect(clippy::print_stderr, reason = "this is how a command says what went wrong")]
    {
        eprintln!("error: {error:#}");
    }
    ExitCode::FAILURE
}
