// CLibbpf
