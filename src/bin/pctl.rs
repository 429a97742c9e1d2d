fn main() -> std::process::ExitCode {
    popular::pctl_main()
}
