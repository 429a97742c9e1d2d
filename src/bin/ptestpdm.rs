fn main() -> std::process::ExitCode {
    popular::ptestpdm_main()
}
