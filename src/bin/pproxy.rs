//! pproxy(8).

fn main() -> std::process::ExitCode {
    popular::pproxy_main()
}
