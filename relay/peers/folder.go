package peers

import "github.com/fsnotify/fsnotify"

// folder is a watch on all that happens in a folder. The zero value hears
// nothing.
//
// Not the file is watched: one that is replaced by a rename, or is a link into a
// folder that is (a ConfigMap's ..data), takes its own watch along. What happens
// only where a link leads to is not heard.
type folder struct{ watcher *fsnotify.Watcher }

func watchFolder(path string) (folder, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return folder{}, err
	}
	if err := w.Add(path); err != nil {
		_ = w.Close()
		return folder{}, err
	}
	return folder{w}, nil
}

// stirred delivers when something has happened.
func (f folder) stirred() <-chan fsnotify.Event {
	if f.watcher == nil {
		return nil
	}
	return f.watcher.Events
}

// lost delivers when something that happened was not told.
func (f folder) lost() <-chan error {
	if f.watcher == nil {
		return nil
	}
	return f.watcher.Errors
}

func (f folder) close() {
	if f.watcher != nil {
		_ = f.watcher.Close() // only read
	}
}
