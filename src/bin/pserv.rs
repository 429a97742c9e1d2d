//! pserv(8).

fn main() -> std::process::ExitCode {
    popular::pserv_main()
}
