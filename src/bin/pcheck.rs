fn main() -> std::process::ExitCode {
    popular::pcheck_main()
}
