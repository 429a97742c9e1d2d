fn main() -> std::process::ExitCode {
    popular::pbench_main()
}
