"""Pages for people: one HTML file each, made of typed parts, that needs no network."""
