"""What a catalogue answers, one function for each output format. All give pieces: a catalogue may have any size."""
