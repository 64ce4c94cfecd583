# Copyright 2026 the authors of vtsecops. Licensed under the Apache License, Version 2.0.
