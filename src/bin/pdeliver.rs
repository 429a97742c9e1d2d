fn main() -> std::process::ExitCode {
    popular::pdeliver_main()
}
