"""Pictures: from the address in a task to pixels, kept and fetched ahead."""
