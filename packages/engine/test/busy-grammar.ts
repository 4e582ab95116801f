/** Works on grammars: a call that ends for request 6, and for request 7 one that does not. */
import { watchGrammars, watched } from '../src/runner/grammar-watch.ts';

watchGrammars();
watched(6, () => {});
watched(7, () => {
  for (;;);
});
