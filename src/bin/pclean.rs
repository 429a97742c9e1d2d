fn main() -> std::process::ExitCode {
    popular::pclean_main()
}
