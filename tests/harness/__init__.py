"""What the tests of faults and the soak share: a running service, cameras that misbehave, what is measured."""
