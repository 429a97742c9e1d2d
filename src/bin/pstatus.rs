fn main() -> std::process::ExitCode {
    popular::pstatus_main()
}
