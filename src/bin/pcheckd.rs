fn main() -> std::process::ExitCode {
    popular::pcheckd_main()
}
